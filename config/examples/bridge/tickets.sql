SELECT ticket_no AS `编号`, title AS `标题`, received_at AS `受理时间`, solved_at AS `办结时间`, amount AS `金额`
FROM ticket
